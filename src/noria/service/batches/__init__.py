"""Batches as OpenAI has them: a file of requests in, a file of answers out, below the live traffic of the same models.

    upload.py -> lines.py -> files.py     POST /v1/files: checked line by line, kept in $NORIA_HOME/files
    batches.py                            what is known of each batch and of each of its answers, in the database
    runner.py -> work.py -> line.py       claims a batch, asks its lines, stores the answers
    ending.py                             writes the files of answers
    routes.py                             /v1/files, /v1/batches

A line is asked as a live request is: by the same operation of the same dialect, in the same process. What is stored is
keyed by batch and line, so that a server that was killed goes on where it was, and doing it twice changes nothing.
"""
