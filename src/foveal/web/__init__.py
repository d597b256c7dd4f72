"""Page of `foveal serve`: predictions and maps of all variants for one image."""
