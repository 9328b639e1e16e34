"""What is published of a run: its tables, a page that shows them, the README's verdict.

The archive of the tables holds a manifest that tells of each experiment at which
commit, when and on what it was computed. An experiment whose tables are those of the
archive keeps what the manifest says; for the others the logs of their jobs tell it.
"""
