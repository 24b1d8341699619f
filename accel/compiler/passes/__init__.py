"""Graph -> Graph, one file each; `pipeline` says when they run."""
