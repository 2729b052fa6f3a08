"""Pure decisions: what a version is and which one is higher, what a file of a release is for."""

from clary.features.releases.policy.assets import Platform, platform_of, sorted_out
from clary.features.releases.policy.versions import Version, read_version

__all__ = ["Platform", "Version", "platform_of", "read_version", "sorted_out"]
