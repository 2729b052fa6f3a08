"""The tools every run can be given: files, search, shell, task list (product.md 6.2, stream-runtime.md 9.5).

What a tool is called, what it takes, what it answers, in the run's language. A tool reaches only what its context
holds: the workspace, the task list, the sandbox. Not here: who may use which tool, how calls run side by side, the size
of results, memory, knowledge and web tools. No message or result names a path of the host.
"""
