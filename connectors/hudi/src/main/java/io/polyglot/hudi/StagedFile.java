package io.polyglot.hudi;

/**
 * A {@link LakeFile} whose content lies in the staging folder.
 *
 * @param path of the content
 */
record StagedFile(String path, String partition, String name, String token, long rows) {}
