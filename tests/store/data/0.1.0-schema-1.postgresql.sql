CREATE TABLE curves (
    run_id integer NOT NULL,
    epoch integer NOT NULL,
    train_loss double precision,
    train_error double precision,
    val_error double precision,
    lr double precision NOT NULL,
    seconds double precision NOT NULL
);
CREATE TABLE meta (
    schema_version integer NOT NULL,
    netspace_version text NOT NULL,
    created double precision NOT NULL
);
CREATE TABLE pools (
    study_id integer NOT NULL,
    space text NOT NULL,
    names json NOT NULL,
    networks integer NOT NULL,
    packed bytea NOT NULL,
    refused text
);
CREATE TABLE runs (
    id integer NOT NULL,
    study_id integer NOT NULL,
    space text NOT NULL,
    index integer NOT NULL,
    launch integer NOT NULL,
    digest text NOT NULL,
    config json NOT NULL,
    parameters json NOT NULL,
    flops bigint NOT NULL,
    params bigint NOT NULL,
    activations bigint NOT NULL,
    seed bigint NOT NULL,
    status text NOT NULL,
    error double precision,
    attempts integer NOT NULL,
    worker text,
    lease_until double precision,
    started double precision,
    finished double precision,
    seconds double precision,
    message text,
    environment json,
    details json,
    CONSTRAINT error_exactly_when_done CHECK (((status = 'done'::text) = (error IS NOT NULL))),
    CONSTRAINT error_is_a_percentage CHECK (((error >= (0)::double precision) AND (error <= (100)::double precision))),
    CONSTRAINT running_is_held CHECK (((status <> 'running'::text) OR ((worker IS NOT NULL) AND (lease_until IS NOT NULL)))),
    CONSTRAINT status_known CHECK ((status = ANY (ARRAY['planned'::text, 'running'::text, 'done'::text, 'diverged'::text, 'failed'::text, 'lost'::text])))
);
CREATE SEQUENCE runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE runs_id_seq OWNED BY runs.id;
CREATE TABLE studies (
    id integer NOT NULL,
    name text NOT NULL,
    spec json NOT NULL,
    digest text NOT NULL,
    created double precision NOT NULL
);
CREATE SEQUENCE studies_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE studies_id_seq OWNED BY studies.id;
ALTER TABLE ONLY runs ALTER COLUMN id SET DEFAULT nextval('runs_id_seq'::regclass);
ALTER TABLE ONLY studies ALTER COLUMN id SET DEFAULT nextval('studies_id_seq'::regclass);
INSERT INTO curves VALUES (1, 1, 2.307044744491577, NULL, 89, 0.03456708580912725, 1.2694472749999477);
INSERT INTO curves VALUES (1, 2, 2.316391706466675, NULL, 89, 0.0019030116872178317, 0.19167939899989506);
INSERT INTO curves VALUES (2, 1, 2.3093807697296143, NULL, 85, 0.03456708580912725, 0.23009812100008276);
INSERT INTO curves VALUES (2, 2, 2.243974447250366, NULL, 86, 0.0019030116872178317, 0.13791479099973003);
INSERT INTO curves VALUES (3, 1, 2.317507028579712, NULL, 89, 0.03456708580912725, 0.42275647999986177);
INSERT INTO curves VALUES (3, 2, 2.3508505821228027, NULL, 91, 0.0019030116872178317, 0.3756299769997895);
INSERT INTO curves VALUES (4, 1, 2.482403516769409, NULL, 95, 0.03456708580912725, 0.18784086699997715);
INSERT INTO curves VALUES (4, 2, 2.698859453201294, NULL, 91, 0.0019030116872178317, 0.14190579099977185);
INSERT INTO curves VALUES (5, 1, 2.3033549785614014, NULL, 91, 0.03456708580912725, 0.3734513999997944);
INSERT INTO curves VALUES (5, 2, 2.304617404937744, NULL, 87, 0.0019030116872178317, 0.2746268410000994);
INSERT INTO meta VALUES (1, '0.1.0', 1795615833.6679907);
INSERT INTO runs VALUES (1, 1, 'AnyNetXA', 0, 0, '1395da45b1d1c0c5', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 1, 1, 8], "widths": [24, 8, 32, 8], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 1, 4, 1], "group_widths": [2, 4, 4, 8]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 11, "depth_1": 1, "depth_2": 1, "depth_3": 1, "depth_4": 8, "width_1": 24, "width_2": 8, "width_3": 32, "width_4": 8, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 1.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 1.0, "group_width_1": 2, "group_width_2": 4, "group_width_3": 4, "group_width_4": 8, "drawn_width_1": 24, "drawn_width_2": 8, "drawn_width_3": 32, "drawn_width_4": 8, "drawn_group_width_1": 2, "drawn_group_width_2": 4, "drawn_group_width_3": 4, "drawn_group_width_4": 16}', 43510, 9094, 3760, 4178753131154456147, 'done', 89, 1, 'vm c0a064bb-1e8b-4c19-a2b0-6ca7a06c51ab 4026531836|18955|357080|3a53891e', NULL, 1795615837.9069939, 1795615869.262004, 1.4611266739998428, NULL, '{"device": "cpu", "device_name": "x86_64", "host": "vm", "python": "3.11.7", "torch": "2.15.0+cu132", "netspace": "0.1.0"}', '{"images_per_second": 350.414518543007, "memory_share": null, "chance_error": 85.0, "split_digest": "2ab6efff83d55f1e", "epochs_resumed": 0}');
INSERT INTO runs VALUES (2, 1, 'RegNetX', 0, 1, '95540c9b81d28233', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 1, 1, 1], "widths": [16, 32, 56, 112], "strides": [2, 2, 2, 2], "bottleneck_ratios": [2, 2, 2, 2], "group_widths": [1, 1, 1, 1]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 16, "w_a": 22.9, "w_m": 1.894, "group_width": 1, "bottleneck_ratio": 2, "depth": 4, "depth_1": 1, "depth_2": 1, "depth_3": 1, "depth_4": 1, "width_1": 16, "width_2": 32, "width_3": 56, "width_4": 112, "bottleneck_ratio_1": 2.0, "bottleneck_ratio_2": 2.0, "bottleneck_ratio_3": 2.0, "bottleneck_ratio_4": 2.0, "group_width_1": 1, "group_width_2": 1, "group_width_3": 1, "group_width_4": 1}', 87946, 25022, 5046, 1298879034242734674, 'done', 86, 1, 'vm c0a064bb-1e8b-4c19-a2b0-6ca7a06c51ab 4026531836|18955|357080|3a53891e', NULL, 1795615869.2939892, 1795615869.7170005, 0.3680129119998128, NULL, '{"device": "cpu", "device_name": "x86_64", "host": "vm", "python": "3.11.7", "torch": "2.15.0+cu132", "netspace": "0.1.0"}', '{"images_per_second": 1391.255532904401, "memory_share": null, "chance_error": 85.0, "split_digest": "2ab6efff83d55f1e", "epochs_resumed": 0}');
INSERT INTO runs VALUES (3, 1, 'AnyNetXA', 1, 2, '52f0984c538cd264', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [14, 7, 3, 4], "widths": [8, 8, 40, 64], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 2, 2, 2], "group_widths": [2, 4, 1, 16]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 28, "depth_1": 14, "depth_2": 7, "depth_3": 3, "depth_4": 4, "width_1": 8, "width_2": 8, "width_3": 40, "width_4": 64, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 2.0, "bottleneck_ratio_3": 2.0, "bottleneck_ratio_4": 2.0, "group_width_1": 2, "group_width_2": 4, "group_width_3": 1, "group_width_4": 16, "drawn_width_1": 8, "drawn_width_2": 8, "drawn_width_3": 40, "drawn_width_4": 56, "drawn_group_width_1": 2, "drawn_group_width_2": 4, "drawn_group_width_3": 1, "drawn_group_width_4": 16}', 109970, 47206, 8396, 8028118756116335177, 'done', 91, 1, 'vm c0a064bb-1e8b-4c19-a2b0-6ca7a06c51ab 4026531836|18955|357080|3a53891e', NULL, 1795615869.7299957, 1795615870.7050056, 0.7983864569996513, NULL, '{"device": "cpu", "device_name": "x86_64", "host": "vm", "python": "3.11.7", "torch": "2.15.0+cu132", "netspace": "0.1.0"}', '{"images_per_second": 641.2934431830219, "memory_share": null, "chance_error": 85.0, "split_digest": "2ab6efff83d55f1e", "epochs_resumed": 0}');
INSERT INTO runs VALUES (4, 1, 'RegNetX', 1, 3, '0cd931652fc65a9e', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 1, 3, 6], "widths": [8, 24, 64, 128], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [2, 6, 8, 8]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 8, "w_a": 16.1, "w_m": 2.613, "group_width": 8, "bottleneck_ratio": 4, "depth": 11, "depth_1": 1, "depth_2": 1, "depth_3": 3, "depth_4": 6, "width_1": 8, "width_2": 24, "width_3": 64, "width_4": 128, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 2, "group_width_2": 6, "group_width_3": 8, "group_width_4": 8}', 139298, 85258, 4960, 678682518014577329, 'done', 91, 1, 'vm c0a064bb-1e8b-4c19-a2b0-6ca7a06c51ab 4026531836|18955|357080|3a53891e', NULL, 1795615870.7089887, 1795615871.175009, 0.329746657999749, NULL, '{"device": "cpu", "device_name": "x86_64", "host": "vm", "python": "3.11.7", "torch": "2.15.0+cu132", "netspace": "0.1.0"}', '{"images_per_second": 1552.7071695155428, "memory_share": null, "chance_error": 85.0, "split_digest": "2ab6efff83d55f1e", "epochs_resumed": 0}');
INSERT INTO runs VALUES (5, 1, 'AnyNetXA', 2, 4, '8d5dad3b215a50ec', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 13, 1, 3], "widths": [32, 24, 8, 8], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [8, 6, 2, 2]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 18, "depth_1": 1, "depth_2": 13, "depth_3": 1, "depth_4": 3, "width_1": 32, "width_2": 24, "width_3": 8, "width_4": 8, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 8, "group_width_2": 6, "group_width_3": 2, "group_width_4": 2, "drawn_width_1": 32, "drawn_width_2": 24, "drawn_width_3": 8, "drawn_width_4": 8, "drawn_group_width_1": 16, "drawn_group_width_2": 32, "drawn_group_width_3": 16, "drawn_group_width_4": 8}', 124634, 11934, 8074, 449293112529682510, 'done', 87, 1, 'vm c0a064bb-1e8b-4c19-a2b0-6ca7a06c51ab 4026531836|18955|357080|3a53891e', NULL, 1795615871.2020054, 1795615872.0040128, 0.6480782409998938, NULL, '{"device": "cpu", "device_name": "x86_64", "host": "vm", "python": "3.11.7", "torch": "2.15.0+cu132", "netspace": "0.1.0"}', '{"images_per_second": 790.0280669970587, "memory_share": null, "chance_error": 85.0, "split_digest": "2ab6efff83d55f1e", "epochs_resumed": 0}');
INSERT INTO runs VALUES (6, 1, 'RegNetX', 2, 5, '054cafc31233db83', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 2, 2, 1], "widths": [24, 40, 72, 112], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [1, 1, 1, 1]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 24, "w_a": 13.9, "w_m": 1.686, "group_width": 1, "bottleneck_ratio": 4, "depth": 6, "depth_1": 1, "depth_2": 2, "depth_3": 2, "depth_4": 1, "width_1": 24, "width_2": 40, "width_3": 72, "width_4": 112, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 1, "group_width_2": 1, "group_width_3": 1, "group_width_4": 1}', 104304, 27092, 5966, 3936611911350347574, 'lost', NULL, 1, 'elsewhere|1|0|1', NULL, 1795615872.1820042, 1795615872.197011, NULL, 'the worker vanished: killed by signal 9
the last lines of its log:
epoch 1 of 2', NULL, NULL);
INSERT INTO runs VALUES (28, 2, 'new', 3, 15, '6c6b5b0441fd29c6', '{}', '{"w": 32}', 4000000, 0, 0, 0, 'done', 44.9, 1, NULL, NULL, NULL, 1795615872.2580047, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (29, 2, 'new', 4, 16, '6fb012de59a27c80', '{}', '{"w": 64}', 2000000, 0, 0, 0, 'done', 45.84, 1, NULL, NULL, NULL, 1795615872.2580047, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (30, 2, 'new', 5, 17, '371e33c9463062ea', '{}', '{"w": 16}', 4000000, 0, 0, 0, 'failed', NULL, 1, NULL, NULL, NULL, 1795615872.2590103, NULL, 'no error is recorded', NULL, NULL);
INSERT INTO runs VALUES (31, 2, 'new', 6, 18, '7944c8e986d520db', '{}', '{"w": 16}', 9000000, 0, 0, 0, 'done', 41.91, 1, NULL, NULL, NULL, 1795615872.2590103, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (7, 1, 'AnyNetXA', 3, 6, '81510d00aee4793a', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 2, 3, 6], "widths": [8, 64, 16, 16], "strides": [2, 2, 2, 2], "bottleneck_ratios": [1, 4, 1, 4], "group_widths": [2, 4, 2, 1]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 12, "depth_1": 1, "depth_2": 2, "depth_3": 3, "depth_4": 6, "width_1": 8, "width_2": 64, "width_3": 16, "width_4": 16, "bottleneck_ratio_1": 1.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 1.0, "bottleneck_ratio_4": 4.0, "group_width_1": 2, "group_width_2": 4, "group_width_3": 2, "group_width_4": 1, "drawn_width_1": 8, "drawn_width_2": 56, "drawn_width_3": 16, "drawn_width_4": 16, "drawn_group_width_1": 2, "drawn_group_width_2": 4, "drawn_group_width_3": 2, "drawn_group_width_4": 1}', 89714, 12106, 5662, 5601000517670829688, 'running', NULL, 1, 'elsewhere|1|0|2', 1795615872.213018, 1795615872.212018, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (8, 1, 'RegNetX', 3, 7, 'b98e7b1f836c3960', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 2, 5, 1], "widths": [16, 32, 64, 128], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [4, 8, 8, 8]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 16, "w_a": 10.3, "w_m": 2.03, "group_width": 8, "bottleneck_ratio": 4, "depth": 9, "depth_1": 1, "depth_2": 2, "depth_3": 5, "depth_4": 1, "width_1": 16, "width_2": 32, "width_3": 64, "width_4": 128, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 4, "group_width_2": 8, "group_width_3": 8, "group_width_4": 8}', 140666, 40546, 6062, 3050794182899635885, 'planned', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (9, 1, 'AnyNetXA', 4, 8, '4173a51ddfc2ac21', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 1, 1, 1], "widths": [8, 32, 8, 8], "strides": [2, 2, 2, 2], "bottleneck_ratios": [2, 1, 2, 4], "group_widths": [2, 16, 4, 2]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 4, "depth_1": 1, "depth_2": 1, "depth_3": 1, "depth_4": 1, "width_1": 8, "width_2": 32, "width_3": 8, "width_4": 8, "bottleneck_ratio_1": 2.0, "bottleneck_ratio_2": 1.0, "bottleneck_ratio_3": 2.0, "bottleneck_ratio_4": 4.0, "group_width_1": 2, "group_width_2": 16, "group_width_3": 4, "group_width_4": 2, "drawn_width_1": 8, "drawn_width_2": 40, "drawn_width_3": 8, "drawn_width_4": 8, "drawn_group_width_1": 2, "drawn_group_width_2": 16, "drawn_group_width_3": 4, "drawn_group_width_4": 2}', 77142, 7606, 3516, 7475642945332542602, 'planned', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (10, 1, 'RegNetX', 4, 9, '6d7ec915198aead0', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 2, 2, 1], "widths": [32, 48, 80, 136], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [1, 1, 1, 1]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 32, "w_a": 15.3, "w_m": 1.618, "group_width": 1, "bottleneck_ratio": 4, "depth": 6, "depth_1": 1, "depth_2": 2, "depth_3": 2, "depth_4": 1, "width_1": 32, "width_2": 48, "width_3": 80, "width_4": 136, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 1, "group_width_2": 1, "group_width_3": 1, "group_width_4": 1}', 141820, 36324, 7152, 4749737324305817326, 'planned', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (11, 1, 'AnyNetXA', 5, 10, '85457713f571968e', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 2, 4, 12], "widths": [24, 16, 24, 8], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 2, 2], "group_widths": [6, 1, 2, 1]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"depth": 19, "depth_1": 1, "depth_2": 2, "depth_3": 4, "depth_4": 12, "width_1": 24, "width_2": 16, "width_3": 24, "width_4": 8, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 2.0, "bottleneck_ratio_4": 2.0, "group_width_1": 6, "group_width_2": 1, "group_width_3": 2, "group_width_4": 1, "drawn_width_1": 24, "drawn_width_2": 16, "drawn_width_3": 24, "drawn_width_4": 8, "drawn_group_width_1": 16, "drawn_group_width_2": 1, "drawn_group_width_3": 2, "drawn_group_width_4": 1}', 53350, 7622, 4536, 6146876067495059937, 'planned', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (12, 1, 'RegNetX', 5, 11, 'f78d85b7d18fc249', '{"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "stages": {"depths": [1, 1, 3, 3], "widths": [8, 16, 64, 96], "strides": [2, 2, 2, 2], "bottleneck_ratios": [4, 4, 4, 4], "group_widths": [2, 4, 8, 8]}, "se_ratio": 0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}', '{"w_0": 8, "w_a": 12.3, "w_m": 2.348, "group_width": 8, "bottleneck_ratio": 4, "depth": 8, "depth_1": 1, "depth_2": 1, "depth_3": 3, "depth_4": 3, "width_1": 8, "width_2": 16, "width_3": 64, "width_4": 96, "bottleneck_ratio_1": 4.0, "bottleneck_ratio_2": 4.0, "bottleneck_ratio_3": 4.0, "bottleneck_ratio_4": 4.0, "group_width_1": 2, "group_width_2": 4, "group_width_3": 8, "group_width_4": 8}', 86190, 37678, 3972, 1095133117684265260, 'planned', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (13, 2, 'old', 0, 0, '65dc46df809259d0', '{}', '{"w": 32}', 1000000, 0, 0, 0, 'done', 52.76, 1, NULL, NULL, NULL, 1795615872.2450092, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (14, 2, 'old', 1, 1, 'c81cf2ebf5f99463', '{}', '{"w": 64}', 8000000, 0, 0, 0, 'done', 48.07, 1, NULL, NULL, NULL, 1795615872.2450092, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (15, 2, 'old', 2, 2, '530da13001bb3692', '{}', '{"w": 32}', 8000000, 0, 0, 0, 'done', 49.24, 1, NULL, NULL, NULL, 1795615872.2450092, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (16, 2, 'old', 3, 3, '88b4ccfbfbfee151', '{}', '{"w": 16}', 9000000, 0, 0, 0, 'done', 48.86, 1, NULL, NULL, NULL, 1795615872.246015, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (17, 2, 'old', 4, 4, '6ec5e782e095ac2d', '{}', '{"w": 16}', 2000000, 0, 0, 0, 'done', 47.11, 1, NULL, NULL, NULL, 1795615872.246015, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (18, 2, 'old', 5, 5, 'eb68f1be37230aa1', '{}', '{"w": 64}', 5000000, 0, 0, 0, 'failed', NULL, 1, NULL, NULL, NULL, 1795615872.2469807, NULL, 'no error is recorded', NULL, NULL);
INSERT INTO runs VALUES (19, 2, 'old', 6, 6, '1d2fe47aef4fd6c0', '{}', '{"w": 64}', 3000000, 0, 0, 0, 'done', 53.9, 1, NULL, NULL, NULL, 1795615872.254987, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (20, 2, 'old', 7, 7, 'f4c38f36f5051e24', '{}', '{"w": 64}', 2000000, 0, 0, 0, 'done', 48.48, 1, NULL, NULL, NULL, 1795615872.255993, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (21, 2, 'old', 8, 8, '19ec5cffdc7c5f29', '{}', '{"w": 64}', 6000000, 0, 0, 0, 'done', 53.19, 1, NULL, NULL, NULL, 1795615872.255993, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (22, 2, 'old', 9, 9, '55e416eaea3d786b', '{}', '{"w": 16}', 6000000, 0, 0, 0, 'done', 49.78, 1, NULL, NULL, NULL, 1795615872.2569988, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (23, 2, 'old', 10, 10, '70529313568b7e5c', '{}', '{"w": 64}', 4000000, 0, 0, 0, 'done', 49.47, 1, NULL, NULL, NULL, 1795615872.2569988, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (24, 2, 'old', 11, 11, '9ded8e891232721f', '{}', '{"w": 32}', 8000000, 0, 0, 0, 'done', 53.73, 1, NULL, NULL, NULL, 1795615872.2569988, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (25, 2, 'new', 0, 12, '349ce706b622eba0', '{}', '{"w": 32}', 1000000, 0, 0, 0, 'done', 46.92, 1, NULL, NULL, NULL, 1795615872.2580047, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (26, 2, 'new', 1, 13, '47fab19ffc32bd81', '{}', '{"w": 64}', 1000000, 0, 0, 0, 'done', 46.44, 1, NULL, NULL, NULL, 1795615872.2580047, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (27, 2, 'new', 2, 14, '0c32273996a2c9b9', '{}', '{"w": 32}', 1000000, 0, 0, 0, 'done', 40.75, 1, NULL, NULL, NULL, 1795615872.2580047, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (32, 2, 'new', 7, 19, '71bfcd90cfd05d2d', '{}', '{"w": 16}', 6000000, 0, 0, 0, 'done', 43.58, 1, NULL, NULL, NULL, 1795615872.267017, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (33, 2, 'new', 8, 20, '496a7501a7555394', '{}', '{"w": 32}', 2000000, 0, 0, 0, 'done', 47, 1, NULL, NULL, NULL, 1795615872.2679825, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (34, 2, 'new', 9, 21, '2575348f42ff99c2', '{}', '{"w": 32}', 2000000, 0, 0, 0, 'done', 42.41, 1, NULL, NULL, NULL, 1795615872.2679825, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (35, 2, 'new', 10, 22, 'b6198d6f4184cd18', '{}', '{"w": 64}', 4000000, 0, 0, 0, 'done', 44.38, 1, NULL, NULL, NULL, 1795615872.2689881, 0, NULL, '{}', '{}');
INSERT INTO runs VALUES (36, 2, 'new', 11, 23, '917dd71b286eb4b4', '{}', '{"w": 64}', 9000000, 0, 0, 0, 'done', 47.71, 1, NULL, NULL, NULL, 1795615872.2689881, 0, NULL, '{}', '{}');
INSERT INTO studies VALUES (1, 'begun-early', '{"name": "begun-early", "spaces": [{"name": "AnyNetXA", "description": "unconstrained, X blocks (section 3.2)", "kind": "anynet", "stages": 4, "strides": [2, 2, 2, 2], "parameters": {"depth": {"log_uniform": [1, 16]}, "width": {"log_uniform": [8, 1024], "step": 8}, "bottleneck_ratio": {"power_of_two": [1, 4]}, "group_width": {"power_of_two": [1, 32]}}, "constraints": [], "network": {"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "se_ratio": 0.0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}}, {"name": "RegNetX", "description": "quantized linear widths, X blocks (section 3.3)", "kind": "regnet", "stages": 4, "strides": [2, 2, 2, 2], "parameters": {"depth": {"uniform": [1, 63]}, "w_0": {"log_uniform": [8, 248], "step": 8}, "w_a": {"log_uniform": [8.0, 255.9], "step": 0.1}, "w_m": {"log_uniform": [1.5, 3.0], "step": 0.001}, "group_width": {"power_of_two": [1, 32]}, "bottleneck_ratio": {"power_of_two": [1, 4]}}, "constraints": [], "network": {"block": "bottleneck", "stem": {"kind": "simple", "width": 8}, "se_ratio": 0.0, "head_width": 0, "activation": "relu", "num_classes": 10, "in_channels": 1}}], "n": 6, "seed": 5, "flops": [20000.0, 150000.0], "params": null, "activations": null, "resolution": 20, "data": {"source": "mnist-5k", "train": 256, "validation": 100, "seed": 0, "image_column": null, "label_column": null, "channels": null, "broken": "refuse", "normalise": "computed"}, "network": {"block": null, "stem": {"kind": "simple", "width": 8}, "se_ratio": null, "head_width": null, "activation": null}, "recipe": {"epochs": 2, "batch_size": 64, "accumulate": 1, "optimizer": "sgd", "lr": 0.1, "reference_batch": 128, "momentum": 0.9, "nesterov": true, "weight_decay": 0.0005, "decay_norm": false, "clip_norm": null, "schedule": "cosine", "step_epochs": [], "step_factor": 0.1, "warmup_epochs": 0.5, "warmup_factor": 0.1, "label_smoothing": 0.0, "drop_path": 0.0, "zero_init_gamma": false, "ema_decay": 0.0, "precise_bn": 0, "precision": "float32", "augment": {"flip": false, "shift": 2, "crop": null, "policy": null, "operations": 2, "magnitude": 9, "erasing": 0.0, "color_noise": 0.0, "mixup": 0.0, "cutmix": 0.0}, "evaluate_every": 1, "peak_lr": 0.05}, "stop": {"alpha": 0.05, "delta": 0.1}, "split_digest": "2ab6efff83d55f1e", "train_digest": "38713259f92fc209", "claims": ["RegNetX better than AnyNetXA"]}', 'f76c49de18bc92c5', 1795615837.8319993);
INSERT INTO studies VALUES (2, 'imported', '{"name": "imported", "spaces": ["old", "new"], "n": 12, "imported": {"format": "csv", "files": ["table.csv"], "left_out": 0}}', 'c8decff5941dd6f1', 1795615872.2440033);
SELECT pg_catalog.setval('runs_id_seq', 36, true);
SELECT pg_catalog.setval('studies_id_seq', 2, true);
ALTER TABLE ONLY curves
    ADD CONSTRAINT curves_pkey PRIMARY KEY (run_id, epoch);
ALTER TABLE ONLY meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (schema_version);
ALTER TABLE ONLY pools
    ADD CONSTRAINT pools_pkey PRIMARY KEY (study_id, space);
ALTER TABLE ONLY runs
    ADD CONSTRAINT run_once_per_study UNIQUE (study_id, space, index);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY studies
    ADD CONSTRAINT studies_name_key UNIQUE (name);
ALTER TABLE ONLY studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (id);
CREATE INDEX runs_in_launch_order ON runs USING btree (study_id, status, launch);
ALTER TABLE ONLY curves
    ADD CONSTRAINT curves_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);
ALTER TABLE ONLY pools
    ADD CONSTRAINT pools_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(id);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(id);
