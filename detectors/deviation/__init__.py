"""Deviation: the quality of the data of every tag by itself: spikes, outliers, drift, and values that stand still."""
