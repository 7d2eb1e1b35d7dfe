"""Everything between a socket and a whole request that may be answered.

Read in this order: door.py (what there is), connections.py and protocol.py (sockets), host.py, access.py (who may ask),
body.py (what they send).
"""
