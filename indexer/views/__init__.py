"""From state to answers: pure functions that build JSON-ready values of the lexicons' view types.

Owns which fields an answer has, when, and the rules that hide things from a viewer. Refuses to read anything: what a
view needs, hydration has put into the state. A value that the lexicon calls optional is left out when it has no value.
"""
