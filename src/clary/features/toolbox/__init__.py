"""The tools every run can be given, their list, and direct calls of them (product.md 6, stream-runtime.md 9.5).

What a tool is called, what it takes, what it answers, in the run's language. A tool reaches only what its context and
its ports hold: the workspace, the task list, the sandbox, notes, documents, guarded pages, search services. Not here:
who may use which tool in a run, how calls run side by side, and the behaviour of the tools that the loop carries out
itself, which are only described. No message or result names a path of the host.
"""
