"""What a person does to a run that is under way: answers, approvals, guidance.

Keeps what was asked and what was said; waits for nothing, runs nothing and writes no line. Whoever executes runs opens
and closes these rows in the transaction of its lines; a person's answer is stored once, the first one wins, and is told
on only after it is durable. Answering is for the owner alone.
"""
