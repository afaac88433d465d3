// Network core.
