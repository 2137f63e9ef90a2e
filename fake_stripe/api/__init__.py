"""The routes below /v1, one module per noun: parameters in, objects out."""
