"""What is kept on disk: prepared arrays, run folders, the cache. Read next: array_store.py, run_folder.py."""
