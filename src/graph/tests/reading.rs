//! Scenes of reading data.

use super::*;

#[test]
fn what_lies_in_the_interpreters_own_tree_is_no_data() {
    let mut scene = Scene::new();
    let tree = "/usr/lib/jvm/java-17-openjdk-amd64";
    scene
        .files
        .links
        .insert("/usr/bin/java".to_owned(), format!("{tree}/bin/java"));
    scene
        .exec(0, "/usr/bin/java -version")
        .read(0, &format!("{tree}/lib/modules"))
        .read(0, &format!("{tree}/lib/server/classes.jsa"))
        .read(0, "/usr/share/dict/words");
    assert_eq!(scene.needs(), ["Data share/dict/words", "Interpreter java"]);
}
