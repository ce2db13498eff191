"""IEC 61850: MMS client of an IED, reports before data sets before reads, and the import of SCL files."""
