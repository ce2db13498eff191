"""From recorded history to a small model file: an autoencoder of the plant as it is when it is well."""
