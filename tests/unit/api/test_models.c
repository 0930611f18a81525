// Models by name: what is known of them without loading, and the list of a home of one's own.
#include "../ops/helper.h"

static void shows_what_fixes_a_vector(void **state)
{
    (void)state;
    struct pipilo_model_info *plain = NULL, *unit = NULL;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    assert_int_equal(pipilo_model_show(&plain, "null:24", NULL, &err), 0);
    assert_int_equal(plain->dim, 24);
    assert_string_equal(plain->engine, "null");
    assert_string_equal(plain->precision, "f32");
    assert_int_equal(strlen(plain->fingerprint), 16);
    assert_non_null(strstr(plain->card, "\"preprocess\""));
    assert_int_equal(plain->fingerprint_json[0], '{');
    settings.normalize = true;
    assert_int_equal(pipilo_model_show(&unit, "null:24", &settings, &err), 0);
    assert_string_not_equal(plain->fingerprint, unit->fingerprint);
    pipilo_free(plain);
    pipilo_free(unit);
}

static void refuses_unknown_settings(void **state)
{
    (void)state;
    struct pipilo_model_info *info = NULL;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    settings.precision = "f8";
    assert_int_equal(pipilo_model_show(&info, "null:24", &settings, &err), PIPILO_EINVALID);
    settings.precision = NULL;
    settings.exif = "perhaps";
    assert_int_equal(pipilo_model_show(&info, "null:24", &settings, &err), PIPILO_EINVALID);
    assert_int_equal(pipilo_model_show(&info, "no-such", NULL, &err), PIPILO_ENOTFOUND);
    assert_null(info);
}

static const struct pipilo_model_entry *find(const struct pipilo_model_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0)
            return &list->entries[i];
    return NULL;
}

static void lists_the_home_and_the_catalogue(void **state)
{
    (void)state;
    struct pipilo_model_list *list = NULL;
    assert_int_equal(system("mkdir -p home/broken home/empty"), 0);
    put("home/broken/model.json", "{", 1);
    assert_int_equal(pipilo_models_list(&list, "home", &err), 0);
    const struct pipilo_model_entry *broken = find(list, "broken");
    const struct pipilo_model_entry *known = find(list, "resnet50");
    assert_non_null(broken);
    assert_non_null(broken->error);
    assert_string_equal(broken->path, "home/broken");
    assert_null(broken->reference);
    assert_null(find(list, "empty"));
    assert_non_null(known);
    assert_null(known->path);
    assert_null(known->error);
    assert_non_null(known->reference);
    assert_int_equal(known->dim, 2048);
    for (size_t i = 1; i < list->count; i++)
        assert_true(strcmp(list->entries[i - 1].name, list->entries[i].name) < 0);
    pipilo_free(list);
    assert_int_equal(pipilo_models_list(&list, "nowhere", &err), 0);
    assert_null(find(list, "broken"));
    pipilo_free(list);
}

static void the_home_follows_the_environment(void **state)
{
    (void)state;
    char *home = NULL;
    setenv("PIPILO_HOME", "/somewhere", 1);
    assert_int_equal(pipilo_models_home(&home, &err), 0);
    assert_string_equal(home, "/somewhere/models");
    pipilo_free(home);
    unsetenv("PIPILO_HOME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(shows_what_fixes_a_vector),
        OPS_TEST(refuses_unknown_settings),
        OPS_TEST(lists_the_home_and_the_catalogue),
        OPS_TEST(the_home_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
