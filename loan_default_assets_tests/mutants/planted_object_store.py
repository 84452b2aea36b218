"""Planted faults of models in an object store: publication, verification, copies and messages."""

from loan_default_assets_tests.mutants.mutant import Mutant, mutant

_CACHE = "loan_default_assets/object_store/artifact_cache.py"
_ROOT = "loan_default_assets/object_store/object_root.py"
_CACHE_TESTS = "object_store/test_artifact_cache.py"
_ROOT_TESTS = "object_store/test_object_root.py"

OBJECT_STORE_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "the manifest is published last",
        _CACHE,
        "last = missing.pop(manifest, None)",
        "last = None",
        _CACHE_TESTS,
    ),
    mutant(
        "objects are those of the registered digest",
        _CACHE,
        "            if digest_of(files[MANIFEST]) != sha256:\n",
        "            if False:\n",
        _CACHE_TESTS,
    ),
    mutant(
        "every object is compared with the manifest",
        _CACHE,
        "return verified(files, where)",
        "return files",
        _CACHE_TESTS,
    ),
    mutant(
        "verify and doctor read every object",
        _CACHE,
        "if whole or digest_of",
        "if digest_of",
        _CACHE_TESTS,
    ),
    mutant(
        "a copy is used only while the root has the manifest",
        _CACHE,
        'digest_of(found.get(manifest, b"")) != sha256 or not _holds',
        "not _holds",
        _CACHE_TESTS,
    ),
    mutant(
        "a copy has the signature of the root",
        _CACHE,
        "self._mirror(folder / SIGNATURE, found.get(signature))",
        "pass",
        _CACHE_TESTS,
    ),
    mutant(
        "a signature that the root has no more is none",
        _CACHE,
        "            path.unlink(missing_ok=True)\n",
        "            pass\n",
        _CACHE_TESTS,
    ),
    mutant(
        "one process at a time changes the copies",
        _CACHE,
        "                fcntl.flock(lock, fcntl.LOCK_EX)\n",
        "",
        _CACHE_TESTS,
    ),
    mutant(
        "a copy in use is not deleted",
        _CACHE,
        "if folder != used and now - last_used > RECENT_SECONDS:",
        "if folder != used:",
        _CACHE_TESTS,
    ),
    mutant(
        "a deletion begins with the manifest",
        _CACHE,
        'self.objects.delete([f"{version}/{MANIFEST}"])',
        "pass",
        _CACHE_TESTS,
    ),
    mutant(
        "only the service goes on without the root",
        "loan_default_assets/model/artifact_store.py",
        "            if not self.offline:\n                raise\n",
        "",
        _CACHE_TESTS,
    ),
    mutant(
        "a damaged copy is not used while the root is down",
        "loan_default_assets/model/artifact_store.py",
        'if found.state in ("missing", "damaged"):',
        'if found.state == "missing":',
        _CACHE_TESTS,
    ),
    mutant(
        "errors of libraries are not passed on",
        _ROOT,
        "raise self._explained(error) from None",
        "raise self._explained(error) from error",
        _ROOT_TESTS,
    ),
    mutant(
        "a local object is written under another name first",
        _ROOT,
        "                    files.pipe_file(partial, content)\n",
        "                    files.pipe_file(path(name), content)\n",
        _ROOT_TESTS,
    ),
    mutant(
        "a URL holds no credentials",
        "loan_default_assets/settings.py",
        "://[^@?*",
        "://[^?*",
        _ROOT_TESTS,
    ),
)
