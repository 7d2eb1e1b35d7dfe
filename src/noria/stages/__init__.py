"""The life of a model, one verb a file: prepare, train, evaluate, predict, tune, report, trace."""
