"""The composition root: says which adapter fills which port, and starts and stops what has to be. Nothing else does."""

from clary.wiring.services import Services, build_services

__all__ = ["Services", "build_services"]
