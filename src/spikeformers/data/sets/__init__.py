"""The data sets that have a name: one file for each family, from its official files to a `Dataset`."""
