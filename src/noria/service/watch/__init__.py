"""What an operator sees of the service: metrics, the access log, spans, the traffic of the last minute.

A Visit is all that is known of one request; `Watch` makes one of each request, and hands it to those who write of it.
Nothing here holds what a client sent: no body, no key, no path but the template of a route.
Read first: visit.py, then watch.py.
"""
