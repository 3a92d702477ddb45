"""From skeletons (keys) to state (rows): reads each kind of thing once per request, whatever the page's size.

Owns what must be read for a page to be shown, and in how few questions. Refuses to know HTTP, JSON or which of the
things read will be shown: that is for the rules and views.
"""
