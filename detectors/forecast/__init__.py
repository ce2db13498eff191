"""What a load will be, 48 hours ahead with p10, p50 and p90, learned from nothing but its own hours before.

A load is its day, its week and what is left:

    y(t) = day[t mod 24 h] + week[t mod 168 h] + e(t)

Day and week are exponential means of what was measured (double seasonal Holt-Winters, Taylor 2003, whose level the day
carries here); what is left runs out over the horizon h, and the same hour of the last day pulls, too:

    y(t + h) = day + week + a[h] e(t) + b[h] e(t-1) + c[h] (y(the same hour, a day or two before) - day - week)

a, b, c come from a regression that forgets, at a few horizons, each for each load. The band comes from the errors that
such forecasts had. Until there are two weeks of history the forecast is the same hour of the day before.
"""
