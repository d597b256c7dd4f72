"""Gates that read and write the feature map as few times as it takes, by passes in C.

`switch` says when they are taken, `weighing` what they compute, `functions` how its gradient goes, `passes`
calls the C code, which `building` compiles on first use.
"""
