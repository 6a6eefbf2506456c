"""Weekly demand, forecast per product in the whole chain or in a store, with intervals and drivers."""

from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import (
    CategoryWithoutProducts,
    DonorWithoutLaunch,
    ForecastArtefactError,
    ForecastError,
    ForecastSubjectUnclear,
    HasHistory,
    HorizonOutOfRange,
    InsufficientEvidence,
    LaunchOutsideHorizon,
    NoHistory,
    NoLaunchKnown,
    NotSupposable,
    OtherDay,
    TooLittleHistory,
    UnknownCategory,
    UnknownDonor,
    UnknownProduct,
    UnknownStore,
)
from decisions.forecast.fitting import fit
from decisions.forecast.service import ForecastService

__all__ = [
    "CategoryWithoutProducts",
    "DonorWithoutLaunch",
    "Driver",
    "ForecastAnswer",
    "ForecastArtefactError",
    "ForecastError",
    "ForecastPoint",
    "ForecastRequest",
    "ForecastService",
    "ForecastSubjectUnclear",
    "HasHistory",
    "HorizonOutOfRange",
    "InsufficientEvidence",
    "LaunchOutsideHorizon",
    "NoHistory",
    "NoLaunchKnown",
    "NotSupposable",
    "OtherDay",
    "TooLittleHistory",
    "UnknownCategory",
    "UnknownDonor",
    "UnknownProduct",
    "UnknownStore",
    "fit",
]
