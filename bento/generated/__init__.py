"""The code that grpcio-tools generates from loan_default.proto; nothing here is written by hand.

Generate it in the repository's root with
`python -m grpc_tools.protoc -Ibento/generated=bento --python_out=. --pyi_out=. --grpc_python_out=.
bento/generated/loan_default.proto`. A test compares it with the committed code.
"""
