"""HL7 v2 in: documents that a hospital's software sends as MDM messages, and their acknowledgements.

Source: ANS, CI-SIS, volet Transmission d'un document CDA R2 en HL7 v2 (2.1); HL7 v2.6.
"""
