"""The page of `foveal serve`: an image in, what every variant says and where it looks out."""
