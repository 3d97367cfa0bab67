"""The public door of the platform: REST and FHIR on HTTP, the same services behind."""

__version__ = "0.1.0"
