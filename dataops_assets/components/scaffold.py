"""Placeholder."""

import dagster as dg


class IngestedScaffolder(dg.Scaffolder):
    def scaffold(self, request): ...


class DerivedScaffolder(dg.Scaffolder):
    def scaffold(self, request): ...
