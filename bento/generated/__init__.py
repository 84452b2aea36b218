"""What grpcio-tools makes of loan_default.proto, and nothing written by hand.

Made in the repository's root by
`python -m grpc_tools.protoc -Ibento/generated=bento --python_out=. --pyi_out=. --grpc_python_out=.
bento/generated/loan_default.proto`; a test makes it again and compares.
"""
