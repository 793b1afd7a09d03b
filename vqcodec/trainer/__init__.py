"""Training of models; needs the ``train`` extra."""
