"""Weekly demand, forecast per product in the whole chain or in a store, with intervals and drivers."""

from decisions.forecast.contract import ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import (
    ForecastArtefactError,
    ForecastError,
    HorizonOutOfRange,
    InsufficientEvidence,
    NoHistory,
    OtherDay,
    TooLittleHistory,
    UnknownProduct,
    UnknownStore,
)
from decisions.forecast.fitting import fit
from decisions.forecast.service import ForecastService

__all__ = [
    "ForecastAnswer",
    "ForecastArtefactError",
    "ForecastError",
    "ForecastPoint",
    "ForecastRequest",
    "ForecastService",
    "HorizonOutOfRange",
    "InsufficientEvidence",
    "NoHistory",
    "OtherDay",
    "TooLittleHistory",
    "UnknownProduct",
    "UnknownStore",
    "fit",
]
