"""How operators see what the server does: metrics, the timeline of a run, the gate to Jaeger, statistics.

It stands at the top beside chat, reads what the slices below tell through their doors, and changes nothing. What is
counted and traced is spoken where it happens (`kit/measures.py`, `kit/traces.py`); this slice only shows it.
"""
