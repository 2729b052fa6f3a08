"""Knowledge bases: documents come in, become passages, are found again, and answers say where they have it from.

A base belongs to one person and may be granted to others. The original files, the extracted text, the passages, their
tokens and their vectors are what counts; index files are derived from these rows by each process and may be lost. Words
are searchable as soon as a document is; vectors follow. What is deleted is found no more once the answer is out.
"""
