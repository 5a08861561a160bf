"""Published accelerators as parameter files, the reader of such files, and the work that is given to them."""
