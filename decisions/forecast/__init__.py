"""Weekly demand, forecast per product in the whole chain or in a store, with intervals and drivers."""

from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import (
    ForecastArtefactError,
    ForecastError,
    ForecastSubjectUnclear,
    HorizonOutOfRange,
    InsufficientEvidence,
    NoHistory,
    NotSupposable,
    OtherDay,
    TooLittleHistory,
    UnknownCategory,
    UnknownProduct,
    UnknownStore,
)
from decisions.forecast.fitting import fit
from decisions.forecast.service import ForecastService

__all__ = [
    "Driver",
    "ForecastAnswer",
    "ForecastArtefactError",
    "ForecastError",
    "ForecastPoint",
    "ForecastRequest",
    "ForecastService",
    "ForecastSubjectUnclear",
    "HorizonOutOfRange",
    "InsufficientEvidence",
    "NoHistory",
    "NotSupposable",
    "OtherDay",
    "TooLittleHistory",
    "UnknownCategory",
    "UnknownProduct",
    "UnknownStore",
    "fit",
]
