"""Field tests by name, and their outcomes; without NumPy, so that the command line starts fast."""

OUTCOMES = {
    "streak": ("white", "grey", "black", "brown", "red", "yellow", "green", "blue"),
    "lustre": (
        *("metallic", "submetallic", "vitreous", "adamantine", "resinous"),
        *("greasy", "waxy", "pearly", "silky", "earthy"),
    ),
    "magnetism": ("none", "weak", "strong"),
    "acid": ("none", "powdered", "fizzes"),
}
"""The outcomes of each test but hardness. ``powdered``: dilute acid fizzes on the powder alone."""
TESTS = ("hardness", *OUTCOMES)
