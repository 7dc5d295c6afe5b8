"""The steps that lead an older catalog to the present schema."""
