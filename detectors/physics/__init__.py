"""Physics from roles: the equations that hold in every substation, written down once and judged every second."""
