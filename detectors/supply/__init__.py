"""The quality of supply: voltage and frequency within the bands of EN 50160 or ANSI C84.1, and interruptions.

A week is the seven days before now, counted day by day in UTC: a finding begins as soon as more intervals lie outside
than a whole week may have, and ends when the days that brought them are a week old. Frequency has a week, too, where
the standard counts a year: so it is known sooner, and judged no milder.
"""
