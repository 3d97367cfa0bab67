"""FHIR R4 as France uses it (FR Core, PDSm on MHD), to and from the contracts. Pure: no network."""
