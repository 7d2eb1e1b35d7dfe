"""The wheel: a model that has become worse is trained again where that pays, tried, and takes over."""
