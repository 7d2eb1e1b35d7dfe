"""Simple models on the same records: what a practitioner would try in ten minutes, beside every score.

vectors.py reads the features, model/regression.py, trees.py and nearest.py are the models, beside.py scores them next
to the model that was trained, linear_part.py starts the network's own linear part. Knows no task, modality or target.
"""
