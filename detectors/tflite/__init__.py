"""The user's own model, or one that was trained on the box: a .tflite file that says what fits together."""
