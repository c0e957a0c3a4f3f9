"""What was measured of a join."""

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.feature_store.repository.plans import ServicePlan
from plimsoll.feature_store.repository.registries import RegistryState
from plimsoll.features.config import FeaturesConfig
from plimsoll.features.coverage import Coverage
from plimsoll.features.leakage import LeakingFeature
from plimsoll.features.match_stats import ViewMatchStats
from plimsoll.features.point_in_time import PointInTimeCheck
from plimsoll.formats.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class JoinFindings:
    """What was measured of a join."""

    dataset: Dataset
    """The rows that were joined."""
    planned: ServicePlan
    config: FeaturesConfig
    coverage: Coverage
    match_stats: Mapping[str, ViewMatchStats]
    """How far each view reaches; views whose source is elsewhere are not in it."""
    strengths: Mapping[str, float]
    """How well each feature alone tells the label on train, 0.5 to 1."""
    leaking: tuple[LeakingFeature, ...]
    """Those that tell it too well."""
    point_in_time: PointInTimeCheck
    """What rows found of after their time, or what others than theirs."""
    registry: RegistryState

    @property
    def alike(self) -> frozenset[str]:
        """Views whose source has rows that nothing tells apart, of which any may be taken."""
        return frozenset(name for name, item in self.match_stats.items() if item.alike)
