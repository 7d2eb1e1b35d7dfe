"""Simple models on the same records: what a practitioner would try in ten minutes, beside every score.

vectors.py reads the features; model/regression.py, trees.py, forest.py and nearest.py are the models; parts.py lets
them learn, also those beside the network itself; beside.py scores them next to the model that was trained. Knows no
task, modality or target.
"""
