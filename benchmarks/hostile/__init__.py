"""The hostile neighbour: it floods one surface, with one key of its workspace or with none.

Each module floods some surfaces; `surfaces.py` is the table of them. All of it is bounded:
so many connections, and as long as it is told.
"""
