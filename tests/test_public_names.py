"""The exported names of every public package, pinned: a change of the interface is a decision."""

import importlib

import pytest

PUBLIC_NAMES = {
    "foveal": """
        __version__ apply insert insertion_of keep_freed_memory
    """,
    "foveal.analysis": """
        Answer ClassDifference EffectSizes FinalSlope GateSummary Guessing HypothesisResult
        MAX_TIME_RATIO MapAgreement MeanClassMaps NextSteps OcclusionRecords RobustnessCurves SeedOutlook
        TrainingTimes VariantExtra VariantRuns average_maps_by_class check_hypotheses
        collect_occlusion_records collect_robustness_curves compare_cell_variants
        compare_classes compare_maps compute_effect_sizes compute_final_slopes compute_guessing
        compute_training_times count_seeds_needed describe_course describe_data
        describe_failed_learning describe_loaded_weights describe_other_test_images
        describe_variant find_caveats find_failed_runs
        find_next_steps format_data_name format_network_name group_runs_by_variant
        list_variant_costs make_gate_cost_table make_stored_layer_table
        make_variant_cost_table normalize_rows plan_design_looks read_stored_extras
        summarize_gates write_answer write_cell_answer write_question
    """,
    "foveal.attention": """
        AttentionEntry BAM CBAM ChannelAttention ConcurrentSqueezeExcitation CoordinateAttention
        EfficientChannelAttention Gate SimAM SpatialAttention SqueezeExcitation TripletAttention
        VariantSpec available canonicalize_variant capture_maps check create get_entry
        parse_variant register register_preset resolve_name
    """,
    "foveal.cli": """
        main
    """,
    "foveal.cost": """
        Conditions CostComparison CostReport Layer SiteCost Timing Totals compare_costs
        measure_cost
    """,
    "foveal.data": """
        Augmentation DecodedData ImageData Split compute_colorfulness generate_scenes
        is_import_path list_data_names load_data normalize_images
    """,
    "foveal.evaluation": """
        CORRUPTIONS Evaluation MAX_SEVERITY OCCLUSION_FRACTIONS Predictions Robustness
        compute_metrics corrupt_images evaluate list_supported_corruptions measure_robustness
        predict
    """,
    "foveal.explanation": """
        Agreement Faithfulness GateMap GateStatistics GridCanvas Localization
        LocalizationMeasure OCCLUSION_PRESETS OcclusionResult boxes_to_masks
        compute_gate_statistics gate_maps grad_cam has_gates make_grid_canvas make_random_maps
        measure_agreement measure_faithfulness measure_localization move_to_model
        occlusion_sensitivity
    """,
    "foveal.inspection": """
        Explanation MapMetric TrainedRun choose_explained_images compute_map_metrics evaluate_run
        explain_runs find_trained_runs load_shared_images make_explanation_content
        write_explanation
    """,
    "foveal.kernels": """
        CBAMConfig CBAMWeights PARTS apply_bam apply_batch_norm_relu apply_channel_attention
        apply_channel_mlp apply_fused_cbam apply_max_pool apply_small_batch_norm apply_small_conv
        apply_spatial_attention describe_instruction_set describe_library get_default_kernels
        get_instruction_set is_being_traced join_parts parse_parts read_environment supports supports_bam
        supports_batch_norm_relu supports_channel_mlp supports_conv_batch_norm_relu
        supports_fused_cbam supports_max_pool supports_pools supports_small_batch_norm
        supports_small_conv unavailable_reason use
    """,
    "foveal.models": """
        AttentionModel ConvNet ImportedState Insertion LoadReport ResNet Site build_model
        build_parameter_groups compute_weights_checksum export_model find_head import_state insert
        list_model_names load_model load_pretrained_weights load_state resnet101 resnet18 resnet34
        resnet50 resolve_where save_model
    """,
    "foveal.plotting": """
        AccuracyCurve CLASS_MAP_CAPTION GATE_CAPTION GRID_COLOR MUTED_COLOR MapColumn
        SCORE_UNITS SiteMaps SvgCanvas TEXT_COLOR VARIANT_COLORS blend_gate_map
        blend_signed_map build_svg_element choose_ticks color_gate_map color_signed_map
        compute_color_limit compute_value_range draw_gate_maps draw_map_comparison
        draw_marker draw_robustness_curves encode_png find_difference_pair
        format_color_caption format_occlusion_caption format_panel_titles
        format_robustness_caption format_seeds format_tick get_hue get_variant_style is_flat
        locate_on_axis make_color_scale_uris make_thumbnail new_figure pick_evenly_spaced
        render_key save_figure shrink_blocks shrink_for_page to_data_uri
        to_transparent_data_uri use_report_style
    """,
    "foveal.records": """
        Arrays Cell Design RunProgress RunRecord SCHEMA_VERSION StudyRecord VariantStepTime
        has_extra is_complete list_result_rows list_run_folders quarantine_folder read_design
        read_extra read_extras read_predictions read_progress read_results read_run
        read_step_times read_study verify_manifest write_design write_extra write_json
        write_progress write_results_table write_run write_step_times
    """,
    "foveal.report": """
        Report render_judgment_html render_judgment_latex render_judgment_markdown write_comparison
        write_report
    """,
    "foveal.stats": """
        Comparison DataJudgment DataSummary EquivalenceTest JudgeDesign Judgment LookResult MAX_SEEDS_NEEDED
        MIN_SEEDS McNemarTest OutcomeUnit RandomEffects RemovedErrors SdEstimate SelfCheck SequentialDesign
        SequentialOutcomes SequentialResult SpreadRatio Suspicion TwoWaySlope VarianceSplit VariantValues
        Verdict WelchTest WinChance combine_effects compare_accuracies compare_variants
        compute_chance_of_verdict compute_detectable_difference compute_difference_over_sd
        compute_mean_interval compute_power compute_removed_errors compute_sd_interval compute_seeds_needed
        compute_seeds_needed_interval compute_simultaneous_intervals compute_spread_ratio compute_win_chance
        estimate_sd find_low_outliers fit_two_way_slope is_at_guessing judge make_judge_design plan_looks
        run_equivalence_test run_mcnemar_test run_self_check run_sequential_test run_welch_test
        simulate_sequential_studies split_variance summarize_data_sets
    """,
    "foveal.study": """
        LineProgress Plan Progress RunConfig Study StudyConfig plan run run_in_pool run_in_process run_on_ray
    """,
    "foveal.training": """
        AUTO EVALUATION_BATCH_SIZE EpochMetrics Numerics Recipe TrainingContext TrainingResult
        apply_memory_format autocast_context build_context count_cpu_cores find_fastest_device
        find_parallel_run_count get_memory_format numerics_context read_parallel_run_count
        read_step_seconds resolve_numerics run_step train
    """,
}


@pytest.mark.parametrize("package", PUBLIC_NAMES)
def test_exported_names_are_pinned(package: str) -> None:
    assert sorted(importlib.import_module(package).__all__) == PUBLIC_NAMES[package].split()


@pytest.mark.parametrize("package", PUBLIC_NAMES)
def test_exported_names_exist(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
