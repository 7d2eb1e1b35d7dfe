"""What a component can do beyond the core: it declares it by naming the class here as a base.

    class Boxes(Target, PredictStep, PostProcesses, Calibrates, Renders): ...

`declared` is the one place that asks for one; dispatch.py says what holds where none is declared, and everything else
calls that. checks/ proves each capability that is declared. A new capability is one class here and one function there.
Read next: modality_capabilities.py, target_capabilities.py, task_capabilities.py.
"""

from __future__ import annotations

from typing import TypeVar

from noria.contract.modality_capabilities import (
    Attributable,
    Augments,
    ChoosesColumns,
    Converses,
    DescribesValues,
    DetectsDrift,
    Displays,
    DriftMeter,
    KeepsTogether,
    MeasuresFamiliarity,
    Tabulates,
    TellsCost,
    Vectorizes,
)
from noria.contract.shared_capabilities import CompletesState, TellsReading, Truncates, WarmStarts
from noria.contract.target_capabilities import (
    IDS,
    LOGITS,
    PARTS,
    AnswersInInput,
    Calibrates,
    DecodesTarget,
    Embeds,
    Exports,
    FitsLinear,
    Generates,
    GivesMedia,
    GivesText,
    GivesVector,
    HasRivals,
    LearnsNothing,
    Listens,
    MultiLabel,
    MultiNumber,
    PaysOff,
    PostProcesses,
    PredictStep,
    Renders,
    Restates,
    ShowsPanels,
    SingleValued,
    Streams,
    TellsTimes,
    TrainingStep,
    UsesParts,
    Writer,
)
from noria.contract.task_capabilities import (
    MAPPED,
    AugmentsBatch,
    CutsWindows,
    GathersRows,
    MakesExamples,
    PairFeatures,
    PredictsBaseline,
    ReadsFormats,
    ValidatesPairs,
)

__all__ = [
    "IDS",
    "LOGITS",
    "MAPPED",
    "PARTS",
    "AnswersInInput",
    "Attributable",
    "Augments",
    "AugmentsBatch",
    "Calibrates",
    "ChoosesColumns",
    "CompletesState",
    "Converses",
    "CutsWindows",
    "DecodesTarget",
    "DescribesValues",
    "DetectsDrift",
    "Displays",
    "DriftMeter",
    "Embeds",
    "Exports",
    "FitsLinear",
    "GathersRows",
    "Generates",
    "GivesMedia",
    "GivesText",
    "GivesVector",
    "HasRivals",
    "KeepsTogether",
    "LearnsNothing",
    "Listens",
    "MakesExamples",
    "MeasuresFamiliarity",
    "MultiLabel",
    "MultiNumber",
    "PairFeatures",
    "PaysOff",
    "PostProcesses",
    "PredictStep",
    "PredictsBaseline",
    "ReadsFormats",
    "Renders",
    "Restates",
    "ShowsPanels",
    "SingleValued",
    "Streams",
    "Tabulates",
    "TellsCost",
    "TellsReading",
    "TellsTimes",
    "TrainingStep",
    "Truncates",
    "UsesParts",
    "ValidatesPairs",
    "Vectorizes",
    "WarmStarts",
    "Writer",
    "declared",
]

_C = TypeVar("_C")


def declared(component: object, capability: type[_C]) -> _C | None:
    """Return the component as what it declares to be, or None where it does not."""
    return component if isinstance(component, capability) else None
